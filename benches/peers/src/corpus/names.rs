//! Given names, surnames, streets and towns that the corpora draw from. Of many origins, and some of them words of logs and of plain
//! English, as in life. `_` stands for a blank.

use super::random::Random;

const GIVEN: &str = "
James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph Jessica Thomas Sarah
Christopher Karen Charles Lisa Daniel Nancy Matthew Betty Anthony Sandra Mark Margaret Donald Ashley Steven Kimberly Andrew Emily
Paul Donna Joshua Michelle Kenneth Carol Kevin Amanda Brian Melissa George Deborah Timothy Stephanie Ronald Rebecca Jason Laura
Edward Helen Jeffrey Sharon Ryan Cynthia Jacob Kathleen Gary Amy Nicholas Shirley Eric Angela Jonathan Anna Stephen Ruth Larry
Brenda Justin Pamela Scott Nicole Brandon Katherine Benjamin Samantha Samuel Christine Gregory Emma Frank Catherine Raymond Virginia
Jack Debra Patrick Rachel Dennis Janet Jerry Maria Tyler Diane Aaron Carolyn Jose Heather Adam Julie Nathan Joyce Henry Evelyn
Zachary Joan Douglas Victoria Peter Kelly Kyle Lauren Noah Christina Ethan Martha Jeremy Judith Walter Cheryl Christian Megan Keith
Andrea Austin Ann Roger Alice Terry Jean Sean Doris Gerald Jacqueline Carl Hannah Dylan Olivia Harold Gloria Jordan Marie Jesse
Teresa Bryan Sophia Lawrence Theresa Arthur Janice Gabriel Isabella Bruce Rose Logan Grace Albert Amber Willie Denise Juan Danielle
Alan Marilyn Wayne Beverly Elijah Charlotte Randy Natalie Vincent Diana Mason Brittany Roy Abigail Ralph Kayla Bobby Alexis Russell
Lori Philip Tiffany Hope Faith Joy June May Dawn Will Angel Chase Hunter Summer Autumn Ivy Violet Pearl Ruby Crystal Charity Precious
Miguel Guadalupe Carlos Alejandra Luis Ximena Javier Rocío Ángel Lucía Andrés Sofía Héctor Inés Raúl Beatriz Joaquín Pilar Mateo
Wei Mei Jun Ling Hao Xiu Ming Yan Jian Fang Tao Hui Zhen Qiang Minh Linh Thuy Tuan Huong Duc Phuong Khanh Hiroshi Yuki Kenji Sakura
Takeshi Haruka Ji-woo Min-jun Seo-yeon Eun-ji Hyun-woo Priya Rahul Ananya Arjun Deepika Sanjay Lakshmi Vikram Kavita Rohan Sunita
Amit Neha Suresh Fatima Mohammed Aisha Omar Layla Hassan Yasmin Ibrahim Noor Khalid Zainab Tariq Mariam Yusuf Hala Bilal Samira
Chidi Ngozi Emeka Adaeze Oluwaseun Folake Kwame Abena Kofi Ama Thabo Nomvula Sipho Lerato Amara Olu Tendai Zuri Makena Jabari
Olga Dmitri Svetlana Sergei Natasha Aleksandr Irina Piotr Agnieszka Krzysztof Małgorzata Jakub Zofia Lars Ingrid Bjørn Astrid Sven
Greta Jürgen Heike Günter Anke François Chloé Élodie Étienne Giulia Matteo Alessandra Lorenzo Francesca Giovanni Siobhán Declan
Aoife Niamh Eoin Ciarán Eleni Nikos Despina Ioannis Ayşe Mehmet Elif Emre Leilani Kai Keanu Malia Dakota Cheyenne Sequoia Winona
Shaniqua Deshawn Latoya Tyrone Keisha Jamal Ebony Darnell Imani Malik Mercedes Paris London Chelsea Florence Madison Savannah Rocky
";

const SURNAMES: &str = "
Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson Thomas Taylor Moore
Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott Torres Nguyen
Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts Gomez Phillips Evans Turner Diaz Parker Cruz Edwards
Collins Reyes Stewart Morris Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper Peterson Bailey Reed Kelly Howard Ramos Kim Cox
Ward Richardson Watson Brooks Chavez Wood James Bennett Gray Mendoza Ruiz Hughes Price Alvarez Castillo Sanders Patel Myers Long Ross
Foster Jimenez Powell Jenkins Perry Russell Sullivan Bell Coleman Butler Henderson Barnes Fisher Vasquez Simmons Romero Jordan
Patterson Alexander Hamilton Graham Reynolds Griffin Wallace Moreno West Cole Hayes Bryant Herrera Gibson Ellis Tran Medina Aguilar
Stevens Murray Ford Castro Marshall Owens Harrison Fernandez McDonald Woods Washington Kennedy Wells Vargas Henry Chen Freeman Webb
Tucker Guzman Burns Crawford Olson Simpson Porter Hunter Gordon Mendez Silva Shaw Snyder Mason Dixon Munoz Hunt Hicks Holmes Palmer
Wagner Black Robertson Boyd Rose Stone Salazar Fox Warren Mills Meyer Rice Schmidt Garza Daniels Ferguson Nichols Stephens Soto Weaver
Ryan Gardner Payne Grant Dunn Kelley Spencer Hawkins Arnold Pierce Hansen Peters Santos Hart Bradley Knight Elliott Cunningham Duncan
Armstrong Hudson Carroll Lane Riley Andrews Alvarado Ray Delgado Berry Perkins Hoffman Johnston Matthews Pena Richards Contreras
Willis Carpenter Lawrence Sandoval Guerrero George Chapman Rios Estrada Ortega Watkins Greene Nunez Wheeler Valdez Harper Burke Larson
Santiago Maldonado Morrison Franklin Carlson Austin Dominguez Carr Lawson Jacobs Lynch Singh Vega Bishop Montgomery Oliver Jensen
Day Love Bird Field Frost Gates Page Park Pope Power Rich Short Small Strong Swift Winter Banks Brooks Case Church Cross Drake Early
Friend Good Hope Major Marsh Noble Nash Post Queen Sharp Speed Steel Still Street Teller Vance Wise Worth Root Keys Locke Branch
O'Brien O'Connor O'Neill McCarthy McGregor MacDonald Fitzgerald D'Angelo DeLuca St._Clair van_der_Berg de_la_Cruz von_Trapp
Al-Hassan El-Sayed bin_Rashid Smith-Jones Garcia-Lopez Chukwu-Obi Okafor Adeyemi Nwosu Eze Okonkwo Mensah Boateng Asante Owusu
Diallo Traoré Ndiaye Mbeki Dlamini Nkosi Zulu Moyo Kamau Wanjiru Otieno Achieng Haile Tesfaye Bekele Khan Ahmed Hussain Rahman Begum
Haddad Nasser Khoury Mansour Saleh Farouk Karimi Hosseini Sharma Gupta Iyer Reddy Nair Mehta Banerjee Chatterjee Desai Kulkarni
Wang Li Zhang Liu Huang Zhao Wu Zhou Xu Sun Ma Zhu Guo Lin Ho Cheung Wong Yamamoto Tanaka Suzuki Watanabe Kobayashi Nakamura Park Choi
Jung Kang Pham Hoang Vu Dang Bui Le Santos-Reyes Dela_Cruz Bautista Villanueva Aquino Kowalski Nowak Wiśniewski Wójcik Novák Horváth
Kovács Petrov Ivanova Volkov Sokolov Popescu Ionescu Dimitrov Stojanović Hrvatin Papadopoulos Georgiou Yılmaz Demir Kaya Müller
Schneider Fischer Weber Becker Schäfer Krüger Brandt Keller Vogel Larsen Lindqvist Nilsson Johansson Virtanen Korhonen Moreau Dubois
Lefèvre Girard Rossi Ferrari Esposito Bianchi Ricci Silveira Oliveira Carvalho Muñoz Peña Ibáñez Núñez Begay Tsosie Yazzie Kealoha
";

const STREETS: &str = "
Main Oak Pine Maple Cedar Elm Washington Lake Hill Walnut Spring North Ridge Church Willow Mill Sunset Railroad Jefferson Highland
Lincoln Park River Meadow Forest Chestnut Franklin Dogwood Hickory Cherry Magnolia Birch Poplar Laurel Sycamore Jackson Adams Madison
Monroe Harrison Prospect Lakeview Fairview Valley_View Rose_Hill Old_Mill Stone_Creek Martin_Luther_King Cesar_Chavez Del_Norte
El_Camino_Real La_Salle Bellevue Beacon Harbor Orchard Vine Liberty Union Market Mission Fulton Clay Howard Sutter 1st 2nd 3rd 5th 8th
12th 21st 42nd 110th W_34th E_Broad N_High S_State Kings Queens Abbey Turnpike Quarry Windmill Heritage Juniper Larkspur Mockingbird
";

const SUFFIXES: &str = "St Street Ave Avenue Rd Road Blvd Boulevard Ln Lane Dr Drive Ct Court Way Pl Place Ter Terrace Pkwy Cir Circle";

/// Town, state, and the first three digits of its ZIP codes.
const TOWNS: &str = "
Springfield,IL,627 Portland,OR,972 Salem,OR,973 Madison,WI,537 Columbus,OH,432 Dayton,OH,454 Austin,TX,787 El_Paso,TX,799
San_Antonio,TX,782 Fort_Worth,TX,761 Lubbock,TX,794 Waco,TX,767 Tulsa,OK,741 Norman,OK,730 Wichita,KS,672 Topeka,KS,666 Omaha,NE,681
Lincoln,NE,685 Fargo,ND,581 Sioux_Falls,SD,571 Billings,MT,591 Boise,ID,837 Reno,NV,895 Las_Vegas,NV,891 Phoenix,AZ,850 Mesa,AZ,852
Tucson,AZ,857 Santa_Fe,NM,875 Denver,CO,802 Boulder,CO,803 Provo,UT,846 Ogden,UT,844 Seattle,WA,981 Tacoma,WA,984 Spokane,WA,992
Oakland,CA,946 Fresno,CA,937 San_Jose,CA,951 San_Diego,CA,921 Long_Beach,CA,908 Bakersfield,CA,933 Anaheim,CA,928 Modesto,CA,953
Chicago,IL,606 Peoria,IL,616 Detroit,MI,482 Flint,MI,485 Ann_Arbor,MI,481 Grand_Rapids,MI,495 Gary,IN,464 Evansville,IN,477
Louisville,KY,402 Lexington,KY,405 Memphis,TN,381 Nashville,TN,372 Knoxville,TN,379 Atlanta,GA,303 Savannah,GA,314 Macon,GA,312
Mobile,AL,366 Birmingham,AL,352 Jackson,MS,392 Baton_Rouge,LA,708 Shreveport,LA,711 Little_Rock,AR,722 St._Louis,MO,631
Kansas_City,MO,641 Des_Moines,IA,503 Cedar_Rapids,IA,524 Duluth,MN,558 Rochester,MN,559 Milwaukee,WI,532 Green_Bay,WI,543
Miami,FL,331 Tampa,FL,336 Orlando,FL,328 Jacksonville,FL,322 Charlotte,NC,282 Durham,NC,277 Raleigh,NC,276 Charleston,SC,294
Columbia,SC,292 Richmond,VA,232 Norfolk,VA,235 Baltimore,MD,212 Wilmington,DE,198 Newark,NJ,071 Trenton,NJ,086 Camden,NJ,081
Philadelphia,PA,191 Pittsburgh,PA,152 Erie,PA,165 Scranton,PA,185 Brooklyn,NY,112 Buffalo,NY,142 Albany,NY,122 Syracuse,NY,132
Hartford,CT,061 Bridgeport,CT,066 Providence,RI,029 Boston,MA,021 Worcester,MA,016 Lowell,MA,018 Nashua,NH,030 Burlington,VT,054
Bangor,ME,044 Augusta,ME,043 Anchorage,AK,995 Honolulu,HI,968 Hilo,HI,967
";

/// Area codes in use.
const AREA_CODES: [u16; 96] = [
    201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229,
    231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 281, 301, 302, 303, 304, 305,
    307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323, 325, 330, 334, 336, 337, 347,
    351, 352, 360, 361, 385, 401, 402, 404, 405, 406, 408, 409, 410, 412, 413, 414, 415, 417, 419, 423, 425,
    443, 502, 503, 504, 505, 512, 602, 617, 702, 718, 808, 907,
];

/// A place that can be written to.
pub struct Town {
    pub city: String,
    pub state: &'static str,
    pub zip3: &'static str,
}

/// The lists, cut up once.
pub struct Lists {
    pub given: Vec<String>,
    pub surnames: Vec<String>,
    pub streets: Vec<String>,
    pub suffixes: Vec<String>,
    pub towns: Vec<Town>,
}

impl Lists {
    pub fn new() -> Lists {
        let town = |entry: &'static str| {
            let mut parts = entry.split(',');
            let mut part = || parts.next().expect("town, state and ZIP");
            Town { city: part().replace('_', " "), state: part(), zip3: part() }
        };
        Lists {
            given: words(GIVEN),
            surnames: words(SURNAMES),
            streets: words(STREETS),
            suffixes: words(SUFFIXES),
            towns: TOWNS.split_whitespace().map(town).collect(),
        }
    }

    pub fn area_code(r: &mut Random) -> u16 {
        *r.pick(&AREA_CODES)
    }
}

fn words(list: &str) -> Vec<String> {
    list.split_whitespace().map(|w| w.replace('_', " ")).collect()
}
